"""The command line: each verb calls the function that the page of the same name calls."""
