use firstline::world::real::lookup;

fn main() {
    if let Some(name) = lookup::asked() {
        std::process::exit(lookup::lookup_main(&name));
    }
}
