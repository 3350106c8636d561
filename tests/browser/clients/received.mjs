/**
 * Decoded pictures, and the energy of the sound, of all connections that a page had: by the browser's own count, as Firefox shows no
 * pictures to a page in the background, and plays no sound without a device. The page keeps its connections (witness.mjs).
 */
export const received = (page) => page.evaluate(async () => {
  const sum = { pictures: 0, energy: 0 };
  for (const connection of window.keptConnections) {
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== 'inbound-rtp') continue;
      sum.pictures += report.framesDecoded ?? 0;
      sum.energy += report.totalAudioEnergy ?? 0;
    }
  }
  return sum;
});
