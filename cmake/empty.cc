// Keeps an archive of rooms that are still empty a valid target.
