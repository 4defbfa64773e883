"""Events of the hotel."""
