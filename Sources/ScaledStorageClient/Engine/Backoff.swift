/// The pauses before attempts: each twice as long as the one before, up to a longest, and half of
/// each by chance, so that clients that failed together do not return together.
struct Backoff {
  private var longest: Duration
  private var whole: Duration

  init(from shortest: Duration = .milliseconds(10), to longest: Duration = .milliseconds(500)) {
    whole = shortest
    self.longest = longest
  }

  mutating func next() -> Duration {
    let pause = whole
    whole = min(whole * 2, longest)
    return pause * Double.random(in: 0.5...1)
  }
}
