"""What do n trials say about an event that deployment would meet?"""
