/**
 * A panel that shows who works in a project, and what they have to do, hears here that another one of the same page changed it:
 * the server has no event of members.
 */
export class WorkChanges {
  /** How many there were: whoever reads it in an effect hears of each. */
  count = $state(0);

  tell(): void {
    this.count += 1;
  }
}
