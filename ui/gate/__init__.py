"""What stands before Streamlit: who may reach it, the login, and the headers of each answer."""
