// Numbers as people read them.
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat("en");

export const compact = (number) => short.format(number).replace("K", "k");
export const grouped = (number) => whole.format(number);

const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const longFormat = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

export const shortDay = (text) => dayFormat.format(new Date(text));
export const longDay = (text) => longFormat.format(new Date(text));
