"""The slips, by what they touch; and healthy programs that look odd."""
