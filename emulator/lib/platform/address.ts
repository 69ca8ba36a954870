/** Where this emulator listens; known once it does. @internal */
export class EmulatorAddress {
  port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
}
