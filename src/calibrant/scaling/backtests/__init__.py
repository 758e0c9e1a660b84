"""Would the forecast have held on the past?"""
