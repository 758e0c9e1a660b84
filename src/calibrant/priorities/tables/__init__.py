"""What can a published table of means stand for? Read, solved for whole ratings, believed."""
