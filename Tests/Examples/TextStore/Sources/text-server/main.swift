import ScaledStorage
import ScaledStorageService
import TextStore

textStore.run()
