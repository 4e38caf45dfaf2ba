"""The platforms Sourceboard connects to, imitated over real HTTP from one model of a hiring company."""
