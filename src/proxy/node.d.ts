// Methods of Node's Buffer that exist, are fast and are missing from its types: without the checks of toString() and write().
interface Buffer {
  latin1Slice(start?: number, end?: number): string
  latin1Write(text: string, start: number): number
}
