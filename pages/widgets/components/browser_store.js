// A text in the browser's own store: read once, written when it changes.

export default function ({ data, setTriggerValue, parentElement }) {
  try {
    if (data.text !== null) {
      localStorage.setItem(data.name, data.text);
    } else if (parentElement.askedFor !== data.name) {
      parentElement.askedFor = data.name;
      const text = localStorage.getItem(data.name);
      if (text) setTriggerValue("stored", text);
    }
  } catch {
    // The browser keeps nothing for this site: the page works without.
  }
}
