"""The flows of Paredown, the recipes that configure them, and the command line."""
