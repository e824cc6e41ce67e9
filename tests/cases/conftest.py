"""The scripts are programs: they run when they are imported, so pytest does not look for doctests in them."""

collect_ignore = ["scripts"]
