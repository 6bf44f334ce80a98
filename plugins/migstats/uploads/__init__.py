"""Country uploads: from the template that an official fills in to a candidate like that of any other source."""
