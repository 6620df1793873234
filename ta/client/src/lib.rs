//! What a Trusted Application links to read its personalization data from the TEEP Agent.
