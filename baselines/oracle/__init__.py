"""The oracle: schedules made with the whole episode in view."""
