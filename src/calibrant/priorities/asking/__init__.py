"""Whom to ask about which area next?"""
