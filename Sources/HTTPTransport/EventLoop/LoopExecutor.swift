/// Runs the parts of tasks on a loop's thread, between its events (Swift Evolution proposal 0417).
///
/// What is enqueued after the loop has ended does not run any more.
final class LoopExecutor: TaskExecutor {
  private let mailbox: Mailbox

  init(mailbox: Mailbox) {
    self.mailbox = mailbox
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    mailbox.post { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
  }
}
