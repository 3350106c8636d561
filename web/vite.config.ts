import { defineConfig } from 'vite';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: ['chrome123', 'firefox128', 'safari17.5'],
    cssTarget: ['chrome123', 'firefox128', 'safari17.5'],
    // Everything inlined would need `data:` in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    // The media library is one lazy chunk; `npm run size` watches what comes before it.
    chunkSizeWarningLimit: 600,
    rolldownOptions: { input: ['index.html', 'room.html', 'account.html', 'docs.html'] },
  },
});
