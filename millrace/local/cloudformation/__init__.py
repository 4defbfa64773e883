"""Templates, resources and deployments."""
