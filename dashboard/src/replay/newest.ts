/** Sends values one at a time; of those that come meanwhile only the newest is sent after it. */
export class NewestSender<T> {
  private waiting: { value: T } | null = null;
  private isBusy = false;
  private readonly send: (value: T) => Promise<unknown>;

  /** @param send - must not reject. */
  constructor(send: (value: T) => Promise<unknown>) {
    this.send = send;
  }

  async push(value: T): Promise<void> {
    this.waiting = { value };
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      while (this.waiting) {
        const next: T = this.waiting.value;
        this.waiting = null;
        await this.send(next);
      }
    } finally {
      this.isBusy = false;
    }
  }
}
