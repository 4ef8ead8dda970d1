/**
 * What the first screens and the parts that are loaded later have in common. Each of these parts imports all of it, also what
 * only another one needs: so it is one file to load before the first tap, and not one for each pair of parts.
 */

import "../acts.js";
import "../line/posts.js";
import "../parts/frame.js";
import "../parts/notice.js";
import "../parts/place.js";
import "../readings.js";
import "../reads.js";
import "../session.js";
import "./times_of_day.js";
