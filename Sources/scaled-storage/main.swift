print("scaled-storage")
