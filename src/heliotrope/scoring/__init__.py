"""The calculator: improvement scores and activity states from a small table, without a study."""
