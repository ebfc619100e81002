"""A module a command, named as it is called; `recount` is verify's."""
