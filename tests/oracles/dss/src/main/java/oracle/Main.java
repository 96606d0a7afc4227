package oracle;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Validates signed files with EU DSS and prints one JSON object per file.
 *
 * <pre>java -jar dss-oracle.jar [--anchors DIR]... [--list FILE --list-signers DIR] [--json] [--online] [--aia] FILE | FILE:ALGORITHM:HEX ...</pre>
 *
 * FILE:ALGORITHM:HEX is a detached signature whose content is known by its digest alone. Certificates in the folders
 * are trust anchors for signers, time-stamping authorities and revocation services alike; so are the services of a
 * trusted list, when it is signed by a certificate of its folder. Without --online nothing is
 * fetched; with it, OCSP responses and CRLs are (and issuers with --aia), from this machine only. Exit 0 when every
 * file was answered, whatever the answer; 2 for a wrong command line.
 */
public final class Main {

    private Main() {
    }

    public static void main(String[] arguments) throws Exception {
        List<Path> anchors = new ArrayList<>();
        List<Input> inputs = new ArrayList<>();
        Path list = null;
        Path listSigners = null;
        boolean online = false;
        boolean aia = false;
        for (int i = 0; i < arguments.length; i++) {
            switch (arguments[i]) {
                case "--json" -> { }  // the only way of printing; accepted so that a call says what it wants
                case "--online" -> online = true;
                case "--aia" -> aia = true;
                case "--anchors" -> {
                    if (++i == arguments.length) {
                        throw usage("--anchors needs a folder");
                    }
                    anchors.add(Path.of(arguments[i]));
                }
                case "--list", "--list-signers" -> {
                    if (i + 1 == arguments.length) {
                        throw usage(arguments[i] + " needs a value");
                    }
                    if (arguments[i].equals("--list")) {
                        list = Path.of(arguments[++i]);
                    } else {
                        listSigners = Path.of(arguments[++i]);
                    }
                }
                default -> {
                    if (arguments[i].startsWith("--")) {
                        throw usage("unknown option " + arguments[i]);
                    }
                    inputs.add(Input.parse(arguments[i]));
                }
            }
        }
        if (inputs.isEmpty()) {
            throw usage("no file given");
        }
        if ((list == null) != (listSigners == null)) {
            throw usage("--list and --list-signers go together");
        }
        Judge judge = new Judge(anchors, list, listSigners, online, aia);
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (Input input : inputs) {
            out.println(Json.write(judge.judge(input)));
        }
    }

    private static RuntimeException usage(String problem) {
        System.err.println("dss-oracle: " + problem);
        System.exit(2);
        return new IllegalStateException();
    }
}
