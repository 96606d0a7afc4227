package oracle;

import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A signed file; with the digest of its content where that lies outside the file. */
record Input(Path file, DigestAlgorithm algorithm, byte[] digest) {

    private static final Pattern WITH_DIGEST = Pattern.compile("(.+):(SHA1|SHA256|SHA384|SHA512):([0-9a-fA-F]+)");

    static Input parse(String argument) {
        Matcher matcher = WITH_DIGEST.matcher(argument);
        if (!matcher.matches()) {
            return new Input(Path.of(argument), null, null);
        }
        DigestAlgorithm algorithm = DigestAlgorithm.valueOf(matcher.group(2));
        return new Input(Path.of(matcher.group(1)), algorithm, HexFormat.of().parseHex(matcher.group(3)));
    }
}
