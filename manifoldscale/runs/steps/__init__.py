"""What a probe needs: which networks, the geometry of a site, estimates that are kept."""
