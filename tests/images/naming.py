"""How people name the files of their images, and what is right for each: schemes in three parts. On `SET` the search
for groups was set; on `HELD` it was measured once, and mended; `LAST` was written afterwards, and only measured on. A
scheme without levels has no groups to be found in its names.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SPECIES = ("Carassius_carassius", "Esox_lucius", "Lota_lota", "Perca_fluviatilis", "Rutilus_rutilus", "Tinca_tinca")


@dataclass
class Named:
    """Files as they are named: `paths` and `labels`; `levels`: name -> the true group of each, coarse to fine."""

    paths: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    levels: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, label: str, **levels: object) -> None:
        """One more file in the folder of its class."""
        self.paths.append(f"{label}/{name}")
        self.labels.append(label)
        for level, value in levels.items():
            self.levels.setdefault(level, []).append(str(value))


Scheme = Callable[[random.Random, Named], None]
SET: dict[str, Scheme] = {}
HELD: dict[str, Scheme] = {}
LAST: dict[str, Scheme] = {}


def named(scheme: Scheme, seed: int = 0) -> Named:
    """The files of a scheme."""
    found = Named()
    scheme(random.Random(seed), found)
    return found


def _in(half: dict[str, Scheme]) -> Callable[[Scheme], Scheme]:
    def keep(scheme: Scheme) -> Scheme:
        half[scheme.__name__] = scheme
        return scheme

    return keep


def _each(n: int) -> Iterator[tuple[int, str]]:
    return ((i, label) for label in SPECIES for i in range(n))


def _letters(chance: random.Random, alphabet: str, n: int) -> str:
    return "".join(chance.choice(alphabet) for _ in range(n))


HEX, WIDE = "0123456789abcdef", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"


# --- the half on which the search for groups is set


@_in(SET)
def video_crops(chance: random.Random, to: Named) -> None:
    for video in range(30):
        day = f"2019061{video % 5}"
        for fish in range(chance.randint(1, 3)):
            label, first = chance.choice(SPECIES), chance.randint(0, 5000)
            for frame in range(chance.randint(2, 8)):
                name = f"{day}_video{video}_fish{fish}_frame{first + frame}.png"
                to.add(name, label, video=video, track=f"{video}/{fish}")


@_in(SET)
def trajectories(chance: random.Random, to: Named) -> None:
    for track in range(70):
        label, number = chance.choice(SPECIES), chance.randint(1000, 9999) * 10000 + track
        for frame in range(chance.randint(1, 9)):
            to.add(f"fish_{number:012d}_{54 + frame:05d}.jpg", label, track=number)


@_in(SET)
def snapshot_serengeti(chance: random.Random, to: Named) -> None:
    for site in range(25):
        for roll in range(1, 3):
            for shot in sorted(chance.sample(range(1, 900), chance.randint(3, 8))):
                where = f"S1_{'BCDE'[site % 4]}{site:02d}"
                to.add(
                    f"{where}_R{roll}_PICT{shot:04d}.JPG", chance.choice(SPECIES), site=where, roll=f"{where}/{roll}"
                )


@_in(SET)
def baited_video(chance: random.Random, to: Named) -> None:
    for site in range(12):
        for drop in range(1, 4):
            video = f"GH01{chance.randint(100, 999):04d}"
            for frame in sorted(chance.sample(range(90000), chance.randint(3, 10))):
                where = f"LC{site:02d}"
                name = f"{where}_drop{drop:02d}_{video}_{frame:06d}.jpg"
                to.add(name, chance.choice(SPECIES), site=where, drop=f"{where}/{drop}")


@_in(SET)
def folders_of_sites(chance: random.Random, to: Named) -> None:
    sites = [f"{a} {b}" for a in ("Kelp", "North", "Blue", "Seal") for b in ("Bay", "Rock", "Point")]
    for _i, label in _each(50):
        site = chance.choice(sites)
        to.add(f"{site}/IMG_{chance.randint(1, 9999):04d}.JPG", label, site=site)


@_in(SET)
def roboflow(chance: random.Random, to: Named) -> None:
    for i, label in _each(30):
        number = SPECIES.index(label) * 100 + i
        for _copy in range(3):
            to.add(f"IMG_{number:04d}_jpg.rf.{_letters(chance, HEX, 32)}.jpg", label, photo=number)


@_in(SET)
def re_identified(chance: random.Random, to: Named) -> None:
    for animal in range(60):
        label = chance.choice(SPECIES)
        for _shot in range(chance.randint(2, 8)):
            frame = chance.randint(1, 150000)
            to.add(
                f"{animal:04d}_c{chance.randint(1, 6)}s1_{frame:06d}_0{chance.randint(1, 4)}.jpg", label, animal=animal
            )


@_in(SET)
def museum(chance: random.Random, to: Named) -> None:
    for i, label in _each(25):
        number = 100000 + SPECIES.index(label) * 997 + i * 13
        for view in ("dorsal", "lateral", "ventral")[: chance.randint(1, 3)]:
            to.add(f"USNM_{number:08d}_{view}.jpg", label, specimen=number)


@_in(SET)
def plates(chance: random.Random, to: Named) -> None:
    for row in range(1, 9):
        for column in range(1, 7):
            label = chance.choice(SPECIES)
            for site in range(1, 6):
                well = f"r{row:02d}c{column:02d}"
                to.add(f"{well}f{site:02d}p01-ch1sk1fk1fl1.tiff", label, well=well)


@_in(SET)
def clips(chance: random.Random, to: Named) -> None:
    for _clip in range(50):
        label, name = chance.choice(SPECIES), _letters(chance, WIDE, 11)
        for frame in range(chance.randint(2, 9)):
            to.add(f"{name}_{frame * 30:06d}.jpg", label, clip=name)


@_in(SET)
def camera_names(chance: random.Random, to: Named) -> None:
    for i, label in _each(50):
        to.add(f"IMG_{1000 + SPECIES.index(label) * 50 + i}.JPG", label)


@_in(SET)
def numbers(_chance: random.Random, to: Named) -> None:
    for i, label in _each(50):
        to.add(f"{i + 1:05d}.jpg", label)


@_in(SET)
def hashes(chance: random.Random, to: Named) -> None:
    for _i, label in _each(50):
        to.add(f"{_letters(chance, HEX, 40)}.jpg", label)


@_in(SET)
def named_by_class(_chance: random.Random, to: Named) -> None:
    for i, label in _each(50):
        to.add(f"{label}_{i:04d}.jpg", label)


@_in(SET)
def photo_site(chance: random.Random, to: Named) -> None:
    for _i, label in _each(50):
        to.add(f"{chance.randint(10**9, 6 * 10**9)}_{_letters(chance, HEX, 10)}_b.jpg", label)


@_in(SET)
def downloads(chance: random.Random, to: Named) -> None:
    words = ("fish", "blue", "lake", "river", "big", "catch", "stock-photo", "fishing", "wild", "freshwater")
    for i, label in _each(50):
        title = "-".join(chance.sample(words, chance.randint(1, 4)))
        kinds = (f"images ({i}).jpg", f"download ({i}).jpg", f"{title}-{chance.randint(1, 999)}.jpg", f"{title}.jpg",
                 f"maxresdefault ({i}).jpg", f"{chance.randint(240, 1600)}px-{label}_{i % 7}.jpg")  # fmt: skip
        to.add(chance.choice(kinds), label)


# --- the half on which it is measured


@_in(HELD)
def action_camera(chance: random.Random, to: Named) -> None:
    for clip in range(40):
        for frame in sorted(chance.sample(range(0, 9000, 10), chance.randint(2, 9))):
            to.add(f"GX01{clip + 30:04d}.MP4_frame_{frame:06d}.jpg", chance.choice(SPECIES), clip=clip)


@_in(HELD)
def camera_trap_stations(chance: random.Random, to: Named) -> None:
    for station in range(20):
        for _event in range(chance.randint(3, 6)):
            label, day = chance.choice(SPECIES), f"2018-05-{chance.randint(1, 28):02d}"
            clock = f"{chance.randint(0, 23):02d}-{chance.randint(0, 59):02d}-{chance.randint(0, 59):02d}"
            for shot in range(1, 4):
                name = f"Station{station:02d}__Camera1__{day}__{clock}({shot}).JPG"
                to.add(name, label, station=station, day=f"{station}/{day}", event=f"{station}/{day}/{clock}")


@_in(HELD)
def observations(chance: random.Random, to: Named) -> None:
    for i, label in _each(30):
        number = 2345678 + 3331 * i + 7 * SPECIES.index(label)
        for shot in range(chance.choice((1, 1, 2, 3, 4))):
            to.add(f"obs{number}_photo{9000001 + 17 * number + shot}.jpg", label, observation=number)


@_in(HELD)
def phone(chance: random.Random, to: Named) -> None:
    for _i, label in _each(50):
        day = f"2019{chance.randint(4, 9):02d}{chance.randint(1, 9):02d}"
        clock = f"{chance.randint(6, 20):02d}{chance.randint(0, 59):02d}{chance.randint(0, 59):02d}"
        to.add(f"IMG_{day}_{clock}.jpg", label, day=day)


@_in(HELD)
def tracked_crops(chance: random.Random, to: Named) -> None:
    for sequence in range(15):
        for animal in range(chance.randint(2, 5)):
            label, first = chance.choice(SPECIES), chance.randint(1, 800)
            for frame in range(chance.randint(2, 7)):
                name = f"MOT17-{sequence:02d}_id{animal:03d}_f{first + frame:06d}.png"
                to.add(name, label, sequence=sequence, animal=f"{sequence}/{animal}")


@_in(HELD)
def histology(chance: random.Random, to: Named) -> None:
    for _slide in range(45):
        name = f"TCGA-{_letters(chance, 'ABCDEFGH123', 2)}-{_letters(chance, 'ABCDEFGH0123456789', 4)}-01Z-00-DX1"
        label = chance.choice(SPECIES)
        for _tile in range(chance.randint(3, 9)):
            to.add(f"{name}_x{chance.randint(0, 90) * 512}_y{chance.randint(0, 90) * 512}.png", label, slide=name)


@_in(HELD)
def collection(chance: random.Random, to: Named) -> None:
    for i, label in _each(25):
        number = 20000 + i * 31 + SPECIES.index(label)
        for shot in range(1, chance.randint(1, 4) + 1):
            to.add(f"MCZ-IT-{number}_{shot}.jpg", label, specimen=number)


@_in(HELD)
def drone(chance: random.Random, to: Named) -> None:
    for day in range(3, 8):
        for flight in range(1, 4):
            for shot in sorted(chance.sample(range(1, 400), 5)):
                for _tile in range(chance.randint(2, 4)):
                    tile = f"{chance.randint(0, 9):02d}_{chance.randint(0, 9):02d}"
                    name = f"2021-06-{day:02d}_flight{flight}_DJI_{shot:04d}_tile_{tile}.png"
                    where = f"{day}/{flight}"
                    to.add(name, chance.choice(SPECIES), day=day, flight=where, photo=f"{where}/{shot}")


@_in(HELD)
def tanks(chance: random.Random, to: Named) -> None:
    for tank in range(1, 13):
        for day in range(1, 5):
            for moment in sorted(chance.sample(range(2000), chance.randint(3, 9))):
                name = f"Tank{tank}_Day{day:02d}_t{moment:05d}.png"
                to.add(name, SPECIES[tank % 6], tank=tank, day=f"{tank}/{day}")


@_in(HELD)
def stereo_video(chance: random.Random, to: Named) -> None:
    for code in range(1, 41):
        for _shot in range(chance.randint(3, 9)):
            moment = f"{chance.randint(0, 59):02d}m{chance.randint(0, 59):02d}s"
            name = f"2018-03_Rottnest_OpCode{code}_{chance.choice('LR')}_{moment}.jpg"
            to.add(name, chance.choice(SPECIES), drop=code)


@_in(HELD)
def trawls(chance: random.Random, to: Named) -> None:
    for haul in range(1, 19):
        for shot in sorted(chance.sample(range(4000, 4900), chance.randint(3, 6))):
            for fish in range(1, chance.randint(2, 5)):
                name = f"haul{haul:03d}/IMG_{shot}_fish{fish:02d}.jpg"
                to.add(name, chance.choice(SPECIES), haul=haul, photo=f"{haul}/{shot}")


@_in(HELD)
def messenger(chance: random.Random, to: Named) -> None:
    for _i, label in _each(50):
        day = f"2019{chance.randint(4, 9):02d}{chance.randint(1, 28):02d}"
        to.add(f"IMG-{day}-WA{chance.randint(0, 60):04d}.jpg", label, day=day)


@_in(HELD)
def augmented_copies(_chance: random.Random, to: Named) -> None:
    for i, label in _each(20):
        for change in ("original", "flip", "rot90", "bright"):
            to.add(f"fish ({i})_{change}.jpg", label, photo=f"{label}/{i}")


@_in(HELD)
def several_cameras(_chance: random.Random, to: Named) -> None:
    for i, label in _each(50):
        number = SPECIES.index(label) * 50 + i
        kinds = (f"DSC_{number:04d}.JPG", f"DSCN{number:04d}.jpg", f"P101{number:04d}.JPG", f"img_{number}.jpg")
        to.add(kinds[number // 80], label)


@_in(HELD)
def uuids(chance: random.Random, to: Named) -> None:
    for _i, label in _each(50):
        to.add(f"{uuid.UUID(int=chance.getrandbits(128), version=4)}.jpg", label)


@_in(HELD)
def wordnet(chance: random.Random, to: Named) -> None:
    for _i, label in _each(50):
        to.add(f"n0144076{SPECIES.index(label)}_{chance.randint(1, 20000)}.JPEG", label)


@_in(HELD)
def social_network(chance: random.Random, to: Named) -> None:
    for _i, label in _each(50):
        ids = "_".join(str(chance.randint(10**k, 10 ** (k + 1))) for k in (8, 16, 18))
        to.add(f"{ids}_n.jpg", label)


@_in(HELD)
def counted_by_class(_chance: random.Random, to: Named) -> None:
    for i, label in _each(50):
        short = label.split("_")[0].lower()
        to.add(f"{short}.{i}.jpg" if i % 2 else f"{short} ({i}).jpg", label)


@_in(HELD)
def stock_photographs(chance: random.Random, to: Named) -> None:
    words = ("fish", "pond", "underwater", "isolated", "white", "background", "angler", "shoal", "closeup", "trophy")
    for _i, label in _each(50):
        title = "-".join(chance.sample(words, chance.randint(2, 5)))
        number = chance.randint(10**5, 10**8)
        to.add(chance.choice((f"{title}-{number}.jpg", f"istockphoto-{number}-612x612.jpg", f"{title}.webp")), label)


@_in(HELD)
def clock_in_milliseconds(chance: random.Random, to: Named) -> None:
    for _i, label in _each(50):
        to.add(f"{1556893353123 + chance.randint(0, 10**10)}.jpg", label)


@_in(HELD)
def scraped_thumbnails(chance: random.Random, to: Named) -> None:
    for _i, label in _each(50):
        to.add(f"{chance.randint(0, 999)}.{_letters(chance, HEX, 6)}.jpg", label)


# --- written after both


@_in(LAST)
def folders_of_videos(chance: random.Random, to: Named) -> None:
    for video in range(45):
        label = chance.choice(SPECIES)
        for frame in sorted(chance.sample(range(3000), chance.randint(3, 9))):
            to.add(f"video_{video:04d}/{frame:06d}.jpg", label, video=video)


@_in(LAST)
def two_sources(chance: random.Random, to: Named) -> None:
    for i, label in _each(25):
        number = SPECIES.index(label) * 25 + i
        to.add(f"IMG_{number:04d}.JPG", label, dive=f"photo {number}")
    for dive in range(24):
        for frame in sorted(chance.sample(range(9000), chance.randint(3, 9))):
            to.add(f"dive{dive}_{frame:05d}.png", chance.choice(SPECIES), dive=dive)


@_in(LAST)
def split_folders(chance: random.Random, to: Named) -> None:
    for video in range(36):
        label = chance.choice(SPECIES)
        for frame in range(chance.randint(3, 9)):
            to.add(f"vid{video}_f{frame:03d}.jpg", label, video=video)
            to.paths[-1] = f"{chance.choice(('train', 'train', 'train', 'val', 'test'))}/{to.paths[-1]}"


@_in(LAST)
def flat_list(chance: random.Random, to: Named) -> None:
    for station in range(1, 16):
        for day in range(4, 7):
            for shot in range(1, chance.randint(4, 9)):
                where = f"2016-07-{day:02d}_ST{station:02d}"
                to.add(f"{where}_{shot:03d}.jpg", chance.choice(SPECIES), haul=where)
                to.paths[-1] = "images/" + to.paths[-1].rpartition("/")[2]


@_in(LAST)
def fishing_boats(chance: random.Random, to: Named) -> None:
    for trip in range(101, 113):
        for haul in range(1, 5):
            for frame in sorted(chance.sample(range(90000), chance.randint(3, 8))):
                name = f"trip{trip:04d}_set{haul:02d}_f{frame:06d}.jpg"
                to.add(name, chance.choice(SPECIES), trip=trip, haul=f"{trip}/{haul}")


@_in(LAST)
def insect_traps(chance: random.Random, to: Named) -> None:
    for trap in range(1, 17):
        for day in range(10, 15):
            for insect in range(1, chance.randint(3, 7)):
                name = f"trap{trap:02d}-202006{day}-{insect:04d}.jpg"
                to.add(name, chance.choice(SPECIES), trap=trap, day=f"{trap}/{day}")


@_in(LAST)
def quadrats(chance: random.Random, to: Named) -> None:
    for transect in range(1, 13):
        for quadrat in range(1, 6):
            for point in sorted(chance.sample(range(1, 60), chance.randint(3, 7))):
                name = f"T{transect}Q{quadrat:02d}_pt{point}.jpg"
                to.add(name, chance.choice(SPECIES), transect=transect, quadrat=f"{transect}/{quadrat}")


@_in(LAST)
def patients(chance: random.Random, to: Named) -> None:
    for patient in range(80):
        label = chance.choice(SPECIES)
        for study in range(1, chance.randint(2, 4)):
            for view, side in enumerate(("frontal", "lateral"), 1):
                to.add(f"patient{patient + 700:05d}_study{study}_view{view}_{side}.jpg", label, patient=patient)


@_in(LAST)
def time_lapse(chance: random.Random, to: Named) -> None:
    for camera in range(1, 9):
        for day in range(1, 13):
            for _shot in range(chance.randint(2, 5)):
                clock = "_".join(f"{chance.randint(0, most):02d}" for most in (23, 59, 59))
                name = f"cam{camera}_2020_07_{day:02d}_{clock}.jpg"
                to.add(name, chance.choice(SPECIES), camera=camera, day=f"{camera}/{day}")


@_in(LAST)
def spaces_and_accents(chance: random.Random, to: Named) -> None:
    for place in ("Ålesund", "Tromsø", "Bodø", "Hammerfest"):
        for dive in range(1, 9):
            for fish in range(1, chance.randint(3, 6)):
                label = chance.choice(SPECIES)
                for shot in range(1, chance.randint(2, 5)):
                    where = f"Fjord {place} dykk {dive}"
                    to.add(f"{where} fisk {fish} ({shot}).jpg", label, dive=where, fish=f"{where}/{fish}")


@_in(LAST)
def crops_of_photographs(chance: random.Random, to: Named) -> None:
    for photo in range(110):
        for crop in range(1, chance.randint(2, 6)):
            to.add(f"DSC{photo * 7 + 1200:05d}-{crop}.jpg", chance.choice(SPECIES), photo=photo)


@_in(LAST)
def cruises(chance: random.Random, to: Named) -> None:
    for cruise in range(3):
        for haul in range(1, 15):
            for _vignette in range(chance.randint(4, 9)):
                name = f"cr{cruise + 11}_h{haul:02d}_vig{chance.randint(1, 99999):06d}.png"
                to.add(name, chance.choice(SPECIES), haul=f"{cruise}/{haul}")


@_in(LAST)
def frames_of_one_film(chance: random.Random, to: Named) -> None:
    for frame in sorted(chance.sample(range(90000), 300)):
        to.add(f"frame_{frame:06d}.png", chance.choice(SPECIES))


@_in(LAST)
def high_resolution(_chance: random.Random, to: Named) -> None:
    for i, label in _each(50):
        to.add(f"{i * 6 + SPECIES.index(label):05d}_hi_res.jpg", label)


@_in(LAST)
def wide_ids(chance: random.Random, to: Named) -> None:
    for _i, label in _each(50):
        to.add(f"{_letters(chance, WIDE, 22)}.jpg", label)


@_in(LAST)
def media_of_records(chance: random.Random, to: Named) -> None:
    for _i, label in _each(50):
        to.add(f"{chance.randint(10**9, 4 * 10**9)}_1.jpg", label)


@_in(LAST)
def counted_of_all(_chance: random.Random, to: Named) -> None:
    for i, label in _each(50):
        to.add(f"fish-{SPECIES.index(label) * 50 + i:04d}-of-0300.jpg", label)


@_in(LAST)
def scores(chance: random.Random, to: Named) -> None:
    for i, label in _each(50):
        to.add(f"C{10000 + 7 * i + SPECIES.index(label)}-conf0.{chance.randint(50, 99)}.jpg", label)


@_in(LAST)
def numbered_classes(chance: random.Random, to: Named) -> None:
    for _i, label in _each(50):
        to.add(f"{SPECIES.index(label) + 1:02d}_{chance.randint(1, 9999):04d}.jpg", label)


@_in(LAST)
def mislabelled(chance: random.Random, to: Named) -> None:
    for i, label in _each(50):
        other = chance.choice(SPECIES) if chance.random() < 0.25 else label
        to.add(f"{label.lower()}_{i:03d}.jpg", other)
