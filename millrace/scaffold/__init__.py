"""Creates projects and adds pieces to them, from the templates in `templates/`."""
