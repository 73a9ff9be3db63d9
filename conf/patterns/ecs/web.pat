# The same patterns with names of the Elastic Common Schema.
