"""The migrations, one a module, numbered."""
