"""The one page on which a child's IVIG is reviewed: facts of the records, never advice."""
