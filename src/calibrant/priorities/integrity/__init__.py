"""Which answers may not mean what they say?"""
