// Pictures from the clipboard: Ctrl+V anywhere on the page, or a press where the browser lets a page
// ask for the clipboard.

const ASK = "Paste a picture: press Ctrl+V, or press here";

export default function ({ parentElement, data, setTriggerValue }) {
  const zone = parentElement.querySelector(".paste");
  zone.textContent = ASK;

  async function take(files) {
    const pictures = files.filter((file) => file.type.startsWith("image/"));
    const size = pictures.reduce((sum, file) => sum + file.size, 0);
    if (!pictures.length) return say("There is no picture in the clipboard.");
    if (pictures.length > data.most) return say(`At most ${data.most} pictures at once.`);
    if (size > data.bytes) {
      return say(`That is more than ${Math.round(data.bytes / 2 ** 20)} MB: upload it as a file.`);
    }
    const sent = await Promise.all(pictures.map(async (file) => ({
      name: file.name || "pasted picture", data: await base64(file),
    })));
    setTriggerValue("pasted", sent);
    return say(ASK);
  }

  function say(words) {
    zone.textContent = words;
  }

  function pasted(event) {
    const target = event.composedPath()[0];
    if (target.closest?.("input:not([type=file]), textarea, [contenteditable=true]")) return;
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length && !parentElement.contains(zone)) return;
    event.preventDefault();
    take(files);
  }

  zone.onclick = async () => {
    if (!navigator.clipboard?.read) return say("Press Ctrl+V: this browser pastes by key only.");
    try {
      const files = [];
      for (const item of await navigator.clipboard.read()) {
        const kind = item.types.find((type) => type.startsWith("image/"));
        if (kind) files.push(await item.getType(kind));
      }
      return take(files);
    } catch {
      return say("The browser did not allow it: press Ctrl+V instead.");
    }
  };
  // This function runs at each rerun of the page: one listener is enough.
  if (zone.listener) document.removeEventListener("paste", zone.listener);
  zone.listener = pasted;
  document.addEventListener("paste", pasted);
  return () => document.removeEventListener("paste", zone.listener);
}

function base64(blob) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = failed;
    reader.readAsDataURL(blob);
  });
}
