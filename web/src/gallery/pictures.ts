const PATIENCE = 2000; // ms

/** Resolves once all pictures that are seen on the page have come, or cannot, or let wait for long. */
export async function picturesSeen(): Promise<void> {
  await Promise.race([allSeen(), new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
}

async function allSeen(): Promise<void> {
  await new Promise(requestAnimationFrame); // those that are being put there count
  const seen = [...document.querySelectorAll("img")].filter(
    (each) => each.getBoundingClientRect().top < window.innerHeight,
  );
  await Promise.all(seen.map(come));
}

const come = (picture: HTMLImageElement): Promise<unknown> =>
  picture.complete
    ? Promise.resolve()
    : new Promise((resolve) => {
        for (const event of ["load", "error"]) picture.addEventListener(event, resolve, { once: true });
      });
