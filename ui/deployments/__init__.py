"""Parts of the page Deployments."""
