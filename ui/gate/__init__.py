"""The gate in front of Streamlit: access, the login, and the headers of each answer."""
