import Leaderboard
import ScaledStorage
import ScaledStorageService

leaderboard.run()
