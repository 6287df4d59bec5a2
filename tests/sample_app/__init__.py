"""An app that adds types of task in the documented way: a `handlers` module in an installed app (EXTRA_APPS)."""
