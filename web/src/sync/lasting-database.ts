/** A database that is opened again when the browser closes it, as it does when somebody clears the site's data. */
import { openSyncDatabase, type QueuedOperation, type SyncDatabase } from "./database.ts";

const FIRST_WAIT = 250; // ms; doubled up to the longest
const LONGEST_WAIT = 10_000;

export class LastingDatabase {
  /** Always the open one. While there is none, everything asked of it fails. */
  readonly database: SyncDatabase;
  /** Told that there is none any more. */
  onLost: () => void = () => undefined;
  /** Told, each time, that it could not be opened again, or was of no use. */
  onStuck: (reason: unknown) => void = () => undefined;
  /** Told that there is one again; it may be empty. When this fails, it is opened once more, later. */
  onBack: () => Promise<void> = async () => undefined;

  private constructor(
    private readonly name: string,
    private current: SyncDatabase,
  ) {
    this.database = new Proxy(current, {
      get: (_, key) => {
        const value: unknown = Reflect.get(this.current, key);
        return typeof value === "function" ? value.bind(this.current) : value;
      },
    });
  }

  static async open(name: string): Promise<LastingDatabase> {
    const lasting: { it?: LastingDatabase } = {};
    const database = await openSyncDatabase(name, () => lasting.it?.lost());
    lasting.it = new LastingDatabase(name, database);
    return lasting.it;
  }

  /** Those of some rows of the queue that are not in it. */
  async missing(rows: readonly QueuedOperation[]): Promise<QueuedOperation[]> {
    const present = new Set((await this.database.getAll("operations")).map((each) => each.operationId));
    return rows.filter(({ operationId }) => !present.has(operationId));
  }

  private lost(): void {
    this.current.close();
    this.onLost();
    void this.reopen();
  }

  private async reopen(): Promise<void> {
    for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      try {
        this.current = await openSyncDatabase(this.name, () => this.lost());
        await this.onBack();
        return;
      } catch (error) {
        this.current.close();
        this.onStuck(error);
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }
}
