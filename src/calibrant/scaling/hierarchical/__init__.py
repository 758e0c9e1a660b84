"""What do families share, and what will a family's next member score?"""
