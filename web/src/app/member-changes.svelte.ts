/** Panels of one page that show who works in a project hear here that another one changed that: the server tells it to nobody. */
export class MemberChanges {
  /** How many there were: whoever reads it in an effect hears of each. */
  count = $state(0);

  tell(): void {
    this.count += 1;
  }
}
