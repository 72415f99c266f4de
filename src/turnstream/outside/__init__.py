"""What runs start by besides requests, and what they tell others: schedules, webhooks."""
