package oracle;

import java.util.Date;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** Maps, lists, text, numbers, booleans, dates and null as one line of JSON (RFC 8259), in ASCII. */
final class Json {

    private Json() {
    }

    static String write(Object value) {
        StringBuilder out = new StringBuilder();
        append(value, out);
        return out.toString();
    }

    private static void append(Object value, StringBuilder out) {
        if (value == null || value instanceof Boolean || value instanceof Number) {
            out.append(value);
        } else if (value instanceof Map<?, ?> map) {
            out.append('{');
            for (Iterator<? extends Map.Entry<?, ?>> entries = map.entrySet().iterator(); entries.hasNext();) {
                Map.Entry<?, ?> entry = entries.next();
                text(entry.getKey().toString(), out);
                out.append(": ");
                append(entry.getValue(), out);
                out.append(entries.hasNext() ? ", " : "");
            }
            out.append('}');
        } else if (value instanceof List<?> items) {
            out.append('[');
            for (Iterator<?> each = items.iterator(); each.hasNext();) {
                append(each.next(), out);
                out.append(each.hasNext() ? ", " : "");
            }
            out.append(']');
        } else if (value instanceof Date date) {
            text(date.toInstant().toString(), out);
        } else {
            text(value.toString(), out);
        }
    }

    private static void text(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < 0x20 || c > 0x7e) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }
}
